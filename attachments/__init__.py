"""Files at rest: sealed while they arrive, inspected and scanned on the way, given out by links that end soon."""
