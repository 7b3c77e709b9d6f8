"""People: who they are, how they prove it, how long that holds, and who may find whom.

    accounts.models          people, sessions, refresh tokens, the directory's index
    accounts.permissions     who may start a conversation with whom, by role
    accounts.blocks          who wants nothing to do with whom
    accounts.querysets       the directory, patient records, and sessions as every request reads them
    accounts.services        everything that changes a person or a session
    accounts.tokens          the only place that knows how tokens look
    accounts.authentication  from a token to an actor, for every door
    accounts.limiting        how often somebody may be wrong
    accounts.record_numbers  how a patient's record is found by a number that is stored encrypted
    accounts.own_data        what is kept about somebody, for themselves

A session is a row. Every request reads it, joined with its user, so that signing out, disabling an account or changing
a password acts on the next request, whatever tokens are still about.
"""
