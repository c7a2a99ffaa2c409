"""What people see of a run: terminal text, JSON, HTML, a trace file, several runs side by side.

Every page is a view of one value, the report (`npuemu.report.json_schema.Report`); nothing here
measures anything.
"""
