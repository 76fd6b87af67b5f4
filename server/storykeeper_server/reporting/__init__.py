"""Log lines, traces and measures, as they leave this machine or its programs: without a word of anybody's."""
