"""What an email looks like where a mail program does not know a feature, for the features that it can do without.

The emails of all kinds use these, most of them by way of the layout. Before you add one, look it up at
https://www.caniemail.com, and look at an email without it.
"""

WITHOUT_HARM = {
    "css-at-font-face": "The text is in the next family of the brand's font.",
    "css-at-media": "The page for telephones: columns stand side by side without it.",
    "css-at-media-prefers-color-scheme": "Dark mode: the email is light, or the program turns its colors itself.",
    "css-border-radius": "Corners are square.",
    "css-border-spacing": "MJML writes the attribute cellspacing as well.",
    "css-color-scheme": "Dark mode: the email is light, or the program turns its colors itself.",
    "css-cursor": "The pointer is the usual one.",
    "css-display-none": "The hidden preview has several ways to be hidden.",
    "css-height": "Bars are a bit higher.",
    "css-max-height": "The hidden preview has several ways to be hidden.",
    "css-opacity": "The hidden preview has several ways to be hidden.",
    "css-outline": "Pictures that are links get an outline; no email of the layout has any.",
    "css-overflow": "The hidden preview has several ways to be hidden.",
    "css-selector-attribute": "Dark mode of Outlook on the web, which knows it.",
    "css-selector-chaining": "A long figure is as large as others.",
    "css-selector-child": "Dark mode and the page for telephones.",
    "css-selector-descendant": "Dark mode and the page for telephones.",
    "css-selector-grouping": "Dark mode and the page for telephones.",
    "css-selector-id": "It is for Outlook alone.",
    "css-table-layout": "Labels of a chart have their width besides.",
    "css-white-space": "A figure is broken at a blank.",
    "css-word-break": "A very long word widens the email.",
    "css-word-spacing": "The space between words is the usual one.",
    "html-aria-hidden": "A screen reader reads an arrow, too.",
    "html-aria-label": "A screen reader reads no name of the email.",
    "html-body": "An element within has the same colors.",
    "html-meta-color-scheme": "Dark mode: the email is light, or the program turns its colors itself.",
    "html-style": "Dark mode and the page for telephones; what matters stands in the elements.",
    "html-target": "A link opens as the mail program opens links.",
}
"""By the feature's name in the table of mail programs."""
