"""The first page of the admin: how everything is, at a glance, for whoever may know it.

    config.dashboard.figures    what is asked of the database and of this process, at most every few seconds
    config.dashboard.tiles      the same in words, and who may see which
    config.dashboard.chart      messages per hour as bars

Counts, times and states; nothing of what anybody wrote.
"""
