/// The frame of every page that the tools write: whole in itself, and allowed to load nothing.
enum HTMLPage {
    static func html(title: HTMLText, _ main: HTMLText) -> HTMLText {
        """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8"/>
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/>
        <meta name="viewport" content="width=device-width, initial-scale=1"/>
        <title>\(title)</title>
        <style>
        \(ReportStyle.css)
        </style>
        </head>
        <body>
        <main>
        \(main)
        </main>
        </body>
        </html>

        """
    }
}
