"""Files of many kinds read into items: nothing left out, nothing believed of a name, hostile ones in a process apart."""
