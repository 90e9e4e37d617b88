"""The lesson: a folder of pages that run in the browser, without a server and without internet."""
