module kubedebug.invalid/web

go 1.24
