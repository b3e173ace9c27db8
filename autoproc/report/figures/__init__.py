"""The figures of a report, by topic: plain values in plotly's JSON form, which only the page's script draws."""
