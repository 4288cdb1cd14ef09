"""A question, many trainings, an answer.

A study is a TOML file (`definition`), of which many come with the package.  Running it (`runner`) trains what is not
trained yet; its answer (`answer`) is gathered from the run folders and written as a page, as Markdown and as JSON.
"""
