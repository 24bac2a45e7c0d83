/// How a report looks, in light and in dark. The colours of profiles differ in lightness too.
enum ReportStyle {
    static let css: HTMLText = """
        :root { color-scheme: light dark; --page: #fff; --ink: #1c2128; --soft: #57606a; --rule: #d5dae0;
          --grid: #e8ebef; --panel: #f6f8fa; --c0: #0b67b2; --c1: #d1570b; --c2: #13855f; --c3: #a33a94;
          --c4: #947100; --c5: #2a9bc4; --c6: #b3213c; --c7: #5d5fc9; }
        @media (prefers-color-scheme: dark) {
          :root { --page: #14181d; --ink: #e3e7ec; --soft: #9aa5b1; --rule: #3a424c; --grid: #272d35;
            --panel: #1c2128; --c0: #5cabf0; --c1: #f58f4a; --c2: #46c795; --c3: #df86d0; --c4: #d9b434;
            --c5: #7fd4f2; --c6: #f4758a; --c7: #a5a7ff; }
        }
        .c0 { --c: var(--c0); } .c1 { --c: var(--c1); } .c2 { --c: var(--c2); } .c3 { --c: var(--c3); }
        .c4 { --c: var(--c4); } .c5 { --c: var(--c5); } .c6 { --c: var(--c6); } .c7 { --c: var(--c7); }
        .reference { --c: var(--soft); }
        body { margin: 0; background: var(--page); color: var(--ink); font: 14px/1.45 system-ui, sans-serif; }
        main { max-width: 1160px; margin: 0 auto; padding: 24px 20px 40px; }
        h1 { font-size: 24px; margin: 0 0 12px; overflow-wrap: anywhere; }
        h2 { font-size: 18px; margin: 36px 0 10px; padding-top: 12px; border-top: 1px solid var(--rule); }
        h3 { font-size: 15px; margin: 28px 0 2px; }
        p { margin: 0 0 8px; } .prose { max-width: 76ch; }
        code, pre { font: 12.5px/1.45 ui-monospace, monospace; overflow-wrap: anywhere; }
        pre { white-space: pre-wrap; background: var(--page); border: 1px solid var(--rule); padding: 8px 10px; }
        dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 18px; margin: 0; }
        dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
        .pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 16px; }
        figure { margin: 0; padding: 12px 12px 6px; background: var(--panel); border: 1px solid var(--rule);
          border-radius: 6px; min-width: 0; }
        figcaption { font-weight: 600; margin-bottom: 6px; }
        .note, footer { color: var(--soft); font-size: 12.5px; overflow-wrap: anywhere; }
        .legend { color: var(--soft); } .legend span { margin-right: 16px; white-space: nowrap; }
        .wide { overflow-x: auto; margin-top: 12px; }
        table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 13px; }
        th, td { padding: 4px 12px 4px 0; text-align: left; border-bottom: 1px solid var(--grid);
          white-space: nowrap; font-weight: 400; }
        thead th { color: var(--soft); vertical-align: bottom; }
        tbody th { font-weight: 600; }
        .number { text-align: right; padding-left: 12px; } .group { text-align: center; padding-left: 12px; }
        details { margin-top: 8px; } summary { cursor: pointer; color: var(--soft); }
        footer { margin-top: 36px; }
        figure svg { display: block; width: 100%; height: auto; }
        .swatch { width: 12px; height: 12px; vertical-align: -1px; }
        svg text { fill: var(--ink); font: 11px system-ui, sans-serif; }
        svg .tick, svg .title { fill: var(--soft); }
        .mid { text-anchor: middle; } .end { text-anchor: end; }
        svg .label { fill: var(--c); paint-order: stroke; stroke: var(--panel); stroke-width: 3px; stroke-linejoin: round; }
        .grid { stroke: var(--grid); } .axis { stroke: var(--soft); fill: none; }
        .line { fill: none; stroke: var(--c); stroke-width: 1.6; stroke-linejoin: round; }
        .thin { stroke-width: 3; opacity: 0.35; } .dashed { stroke-dasharray: 5 4; stroke-width: 1.2; }
        .reference .line { stroke-width: 1; opacity: 0.7; }
        .band { fill: var(--c); fill-opacity: 0.12; stroke: var(--c); stroke-opacity: 0.35; stroke-width: 0.7; }
        .mark { fill: var(--c); } .rings .mark { fill: none; stroke: var(--c); stroke-width: 1; }
        """
}
