"""What can be asked of a result: maps, markers, pathways, stability, quality."""
