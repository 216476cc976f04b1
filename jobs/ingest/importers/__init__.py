"""From public data sets as they are published to the files of the input contract."""
