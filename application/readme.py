"""What a bundle tells whoever opens it."""

from __future__ import annotations

from typing import Final

README_TEXT: Final = """\
EVIDENCE BUNDLE OF A LIFTLEDGER · 电梯“保险+服务”账本证据包

Verify it with the ledger's folder audit/ and the Python package cryptography, off line, under YOUR OWN policy:

    python -m audit verify THIS.zip --policy POLICY

POLICY is a text file in which you write whom you believe (https://c2sp.org/tlog-policy): the log's key and witnesses,
as you have them from somewhere else than from here. Exit status 0: it holds. 1: it does not. 2: cannot be judged.

    log ORIGIN+ID+KEY
    witness NAME NAME+ID+KEY
    quorum NAME

By hand, with sha256sum, base64 and any tool for Ed25519:

 1. manifest.json lists the SHA-256 of every other file. manifest.note is the ledger's signature of it (C2SP
    signed-note, key ORIGIN/receipt, which stands in the first line's event of chains/ledger.ndjson).
 2. checkpoint is signed by the log and its witnesses: origin, size, root. Only your own copies of the keys count.
 3. root.tlog-proof leads from SHA-256(0x00 || root.header.json) to that root (RFC 6962, C2SP tlog-proof);
    root.body.json, whose SHA-256 stands in the header, states the root of the map of all subjects.
 4. Each line of chains/*.ndjson is a header. Its leaf is SHA-256(0x00 || line without the newline). Each header's
    "prev" is the leaf of the line before; seq counts from 1. The last leaf is in the map (heads.json): so nothing is
    missing of the subject up to the checkpoint, and no line can be changed.
 5. A header's "body" is the SHA-256 of one line of bodies.ndjson. "said" in it are the words of the author's request.
 6. evidence.ndjson holds the tokens (JWT) that authors signed; their SHA-256 stand in the headers. A token's "bh" is
    the SHA-256 of requests/POSITION.json; for requests of lines "br" is the root over them (saves.ndjson has paths).
 7. chains/key.*.ndjson are the keys' own histories, whole: whether one was revoked before, and no later one is hidden.

证据包的核验：请使用账本的 audit/ 目录与 Python 包 cryptography，离线运行上述命令。POLICY 由核验人自行编写，
写明其信任的账本公钥与见证人公钥；该公钥应另行取得，不得取自本证据包。
退出码 0 表示成立，1 表示不成立，2 表示无法判断。

人工核验步骤：
一、manifest.json 列出其余各文件的 SHA-256，manifest.note 为账本对其的签名；
二、checkpoint 由账本与见证人签名；
三、root.tlog-proof 证明主体总目的根位于检查点末位；
四、chains/ 中每行为一条记录头，逐行以 prev 相链，末行载于总目，故无遗漏、不可改动；
五、bodies.ndjson 每行为一条记录正文，其 SHA-256 载于记录头；
六、evidence.ndjson 为行为人签名的令牌，requests/ 为其签名的原始请求；
七、chains/key.* 为密钥的全部历史，可证检查点之前是否吊销。
"""
