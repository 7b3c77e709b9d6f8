"""Keys and ciphertext: everything stored encrypted is sealed here. Knows bytes, not messages.

Import from the modules; the package itself re-exports nothing, because settings read `encryption.checks` and
`encryption.generate` before there are apps or a database.

    encryption.keyring   keyring(): seal and open what belongs to a conversation, a row's column or an audit entry
    encryption.fields    EncryptedTextField: a model field whose column holds only ciphertext
    encryption.files     FileSealer, FileOpener: files, sealed and opened while they stream
    encryption.formats   the byte formats, and Undecryptable
    encryption.models    installation(), and the tables of wrapped keys
    encryption.canary    require_known_keys(): no process with other master keys than this vault's
    encryption.rewrapping, rotating, master_keys    what `manage.py keys` does
    encryption.checks    require_sound_keys(): no sound key, no start
    encryption.generate  new keys

    MASTER_KEYS (never in the database)
     └─ wraps  DEK(conversation, period)   messages and events of one conversation and month
         └─ wraps  FK(file)                the object of one file, and of its thumbnail
     └─ wraps  SK, AK (organisation)       model fields and keyed hashes; details of audit entries

This is encryption at rest with keys the server holds: it protects a stolen database or backup. Somebody who controls
the running server can read everything.
"""
