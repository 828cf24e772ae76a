"""From CollaborateMD to stored rows: asking, taking up what a dead run asked for, doubting, keeping."""
