"""The vault keeps what says how things were sealed. A key is destroyed by shredding, never by the clock alone."""

from core.retention import keep

keep("encryption.Installation", "What identifies this installation: one row.")
keep("encryption.DataKey", "A shredded key keeps its row, so that its texts are known to be gone rather than damaged.")
keep("encryption.OrganisationKey", "One key for each purpose, without which no field and no detail opens.")
keep("encryption.Canary", "It tells which master key belongs to this database; no data about people.")
keep("encryption.Shred", "The ledger of destroyed keys: after a restore it is what destroys them again.")
