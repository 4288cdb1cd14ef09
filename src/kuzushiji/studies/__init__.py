"""A question, many trainings, an answer.

    definition.py  what a study is; its docstring says what may stand in the TOML file of one
    load.py        from such a file, of which many come with the package, to a study
    checks.py      whether all that it names is there
    plan.py        its trainings, and the run folder of each
    runner.py      trains what is not trained yet, here or in several processes
    gather.py      from the run folders to the answer
    answer.py      what an answer has
    conclusion.py  what it comes to, in sentences
    stored.py      the same as JSON; what earlier answers found

`kuzushiji.report` writes the answer as a page and as Markdown.
"""
