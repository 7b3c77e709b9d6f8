"""What this package keeps about itself."""

from core.retention import keep

keep("retention.Policy", "They say what counts today; what counted before is in the audit log.")
keep("retention.LegalHold", "Whoever asks later why something was kept, or is gone, is answered by these.")
keep("retention.Run", "When something was removed. Names nobody.")
keep("retention.RunCount", "How much was removed. Numbers only.")
