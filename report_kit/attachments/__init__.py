"""Files of rows that come with a report: CSV, Excel, PDF. Kinds use it; it is no kind itself."""
