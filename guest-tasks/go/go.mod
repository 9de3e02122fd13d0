module task

go 1.24
