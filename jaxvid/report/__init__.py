"""Reports on runs: the figures of the papers as PNG files, and the page `report.html`."""
