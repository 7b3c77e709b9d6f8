"""What was said goes for good: rows, what depends on them, and in the end the keys.

    messaging.removal.due            which messages and events are older than policies allow
    messaging.removal.messages       messages with everything of theirs, in batches
    messaging.removal.events         bodies of other events
    messaging.removal.reports        reports that were settled long ago
    messaging.removal.conversations  what is left of deleted conversations
    messaging.removal.shredded       everything of a conversation whose keys were destroyed
    messaging.removal.leftovers      afterwards: moves of watermarks, and keys that open nothing any more

A batch is one short transaction: it locks its messages, so nobody reacts to one or edits it while it goes, and says in
the audit log which ids it took. Those who send wait for none of this, and between two batches there is a pause in which
everybody else has the database. Whatever ends a run, the next one goes on where the rows say that it stopped.
"""
