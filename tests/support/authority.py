"""A time-stamping authority of a test's own: `openssl ts` behind a small HTTP server on loopback (RFC 3161 §3.4)."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

OPENSSL = shutil.which("openssl")
POLICY = "1.2.3.4.1"

# Only the authority's own certificate goes into a response: some versions of openssl write a chain out of DER's order.
CONFIG = """
[tsa]
default_tsa = authority
[authority]
dir = {folder}
serial = $dir/serial
crypto_device = builtin
signer_cert = $dir/tsa.pem
signer_key = $dir/tsa.key
signer_digest = sha256
default_policy = {policy}
digests = sha256, sha512
accuracy = secs:1
ordering = yes
tsa_name = no
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


@dataclass
class AuthorityFolder:
    """A root, an authority under it, and what they need to stamp; `days` is from when to when its certificate holds."""

    folder: Path
    days: tuple[float, float] = (-1, 30)
    usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.TIME_STAMPING
    between: bool = False
    """Whether another certificate stands between root and authority; it is not sent."""

    def make(self) -> AuthorityFolder:
        """Make keys, certificates and settings."""
        self.folder.mkdir(parents=True)
        root_key, key = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())
        root_name, name = _name("root of a test"), _name("authority of a test")
        root = _certificate(root_name, root_name, root_key, root_key, (-400, 400), None)
        files = {"root.pem": root}
        issuer_name, issuer_key = root_name, root_key
        if self.between:
            issuer_name, issuer_key = _name("between of a test"), generate_private_key(SECP256R1())
            files["between.pem"] = _certificate(issuer_name, root_name, issuer_key, root_key, (-400, 400), None)
        files["tsa.pem"] = _certificate(name, issuer_name, key, issuer_key, self.days, self.usage)
        for file, certificate in files.items():
            (self.folder / file).write_bytes(certificate.public_bytes(Encoding.PEM))
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (self.folder / "tsa.key").write_bytes(private)
        (self.folder / "serial").write_text("01\n")
        (self.folder / "openssl.cnf").write_text(CONFIG.format(folder=self.folder, policy=POLICY))
        return self

    @property
    def root(self) -> bytes:
        """The root's certificate in PEM."""
        return (self.folder / "root.pem").read_bytes()

    def reply(self, query: bytes) -> bytes:
        """Answer a request as `openssl ts -reply` does."""
        assert OPENSSL is not None
        (self.folder / "query.tsq").write_bytes(query)
        command = [OPENSSL, "ts", "-reply", "-config", "openssl.cnf", "-queryfile", "query.tsq", "-out", "reply.tsr"]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True, timeout=180)
        return (self.folder / "reply.tsr").read_bytes()

    def verifies(self, response: bytes, data: bytes) -> bool:
        """Let `openssl ts -verify` judge a response over data: the other implementation."""
        assert OPENSSL is not None
        (self.folder / "kept.tsr").write_bytes(response)
        (self.folder / "data").write_bytes(data)
        command = [OPENSSL, "ts", "-verify", "-in", "kept.tsr", "-data", "data", "-CAfile", "root.pem"]
        done = subprocess.run(command, cwd=self.folder, check=False, capture_output=True, timeout=180)
        return done.returncode == 0


@contextmanager
def answering(reply: bytes | AuthorityFolder, *, status: int = 200, kind: str = "application/timestamp-reply"
              ) -> Iterator[str]:  # fmt: skip
    """Answer every POST on a port of loopback with these bytes, or as the authority does; gives the URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.headers["Content-Type"] == "application/timestamp-query"
            body = reply if isinstance(reply, bytes) else reply.reply(query)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's word
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/tsa"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: EllipticCurvePrivateKey, signer: EllipticCurvePrivateKey,
    days: tuple[float, float], usage: x509.ObjectIdentifier | None,
) -> x509.Certificate:  # fmt: skip
    first, last = (datetime.now(UTC) + timedelta(days=day) for day in days)
    builder = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(first).not_valid_after(last)
        .add_extension(x509.BasicConstraints(ca=usage is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .add_extension(_key_usage(sign_certificates=usage is None), critical=True)
    )  # fmt: skip
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
    return builder.sign(signer, hashes.SHA256())


def _key_usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=sign_certificates, crl_sign=sign_certificates,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
