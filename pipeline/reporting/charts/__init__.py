"""Numbers in, Altair charts out; how they become SVG, PNG and live charts is `rendering`."""
