"""What every importer goes through: audio decoded once, annotations checked, a report of what was left out."""
