"""What users like, estimated from all they were shown: subjects from exposure, looks from clicks and skips."""
