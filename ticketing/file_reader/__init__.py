"""Read uploaded files of sales in a process of its own, which has limits on memory and processor time.

`worker` is started by ticketing.imports.files. Of the rest of ticketing only `formatting` is imported here, so that the
process starts within milliseconds and its memory is that of the file (docs/decisions/0010).
"""
