"""A capture as a ladder diagram: one self-contained HTML file, or an SVG for documents."""
