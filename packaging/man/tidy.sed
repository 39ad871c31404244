# For pandoc's man pages: no fonts that are pandoc's alone (bold for what is typed, as in any man page), and no
# paragraph right after a heading.
/^\.\\" Define V font/,/^\.\\}/ {
    /^\.\\}/!d
}
/^\.el \\{\\$/,/^\.\\}/d
/^\.\\}$/d
s/\\f\[VB*\]/\\f[B]/g
s/\\f\[VB*I\]/\\f[BI]/g
s/\\f\[C\]/\\f[R]/g
/^\.S[HS]/ {
    n
    /^\.PP$/d
}
