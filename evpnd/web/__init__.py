"""The looking glass: pages that ask control sockets, as commands do.

In reading order: `daemons` asks and remembers, `fabric` is what the picture shows and
`picture` where it stands, `findings` is what is wrong, `search` what a word names,
`text` how values become links, `looking` is one request, `rendering` the templates,
`pages` and `api` are what is served, `guard` says to whom, and `server` puts all of it
together. The libraries are an extra (docs/adr/0044-looking-glass.md).
"""
