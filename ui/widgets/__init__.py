"""Forms, tables, charts and other elements that several pages share."""
