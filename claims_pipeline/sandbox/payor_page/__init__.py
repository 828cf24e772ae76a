"""The stand-in for the Claim Payor Mapping page: a plain web page over the sandbox's own records.

`rules` says what may be done and what comes of it, `desk` does it in the org, `web` serves it; `page.html`, `page.css`
and `page.js` are what a browser shows. The rules are those of the real page, once: the cases in `salesforce/`.
"""
