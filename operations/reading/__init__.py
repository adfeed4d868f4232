"""What all reads of documents share: their fields, their pages, and ids that are almost right."""
