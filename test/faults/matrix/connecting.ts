import { everywhere } from "./fronts.ts";
import { closedPort, onConnection } from "./backends.ts";
import { A_MOMENT, dripping, raw } from "./backend-scripts.ts";
import {
  ambiguous,
  blameless,
  hasty,
  invalid,
  late,
  rows,
  safe,
  unreachable,
  whole,
  type Faults,
} from "./fault.ts";
import { asleep, nameless, stalledResolver } from "./strange-backends.ts";
import {
  expired,
  ofAnotherName,
  ofOldTls,
  selfSigned,
  wellCertified,
  withoutTls,
} from "./tls-backends.ts";

const OK = "HTTP/1.1 200 OK\r\n";
const notHttp = { expected: invalid, verdict: safe };

/** 5A: nothing received yet. */
export const connecting: Faults = {
  "F-01 a closed port": {
    backend: closedPort,
    expected: unreachable,
    verdict: safe,
    fronts: everywhere,
  },
  "F-02 a name that nobody knows": {
    backend: nameless,
    expected: unreachable,
    verdict: safe,
    cause: /^(ENOTFOUND|EAI_AGAIN)$/,
  },
  "F-02 a name that is never found out": {
    backend: stalledResolver,
    expected: unreachable,
    verdict: safe,
    timeouts: { connect: 0.25 },
    cause: /TIMEOUT/,
  },
  "F-03 nothing arrives": {
    backend: () => asleep(),
    expected: unreachable,
    verdict: safe,
    timeouts: { connect: 0.25 },
    cause: /TIMEOUT/,
  },
  "F-04 a reset before it reads": {
    // Later than the request is sent: before that, nothing would be ambiguous.
    backend: () => onConnection((socket) => setTimeout(() => socket.resetAndDestroy(), 50)),
    expected: unreachable,
    verdict: ambiguous,
  },
  ...rows(
    [
      ["an expired certificate", expired, /^CERT_HAS_EXPIRED$/],
      ["a certificate of another name", ofAnotherName, /^ERR_TLS_CERT_ALTNAME_INVALID$/],
      ["a certificate of its own making", selfSigned, /SELF_SIGNED/],
      ["TLS 1.0", ofOldTls, /SSL|EPROTO/],
      ["HTTP where TLS is expected", withoutTls, /SSL|EPROTO/],
    ] as const,
    ([kind, backend, cause]) => [
      `F-05 ${kind}`,
      {
        backend,
        expected: unreachable,
        verdict: safe,
        cause,
        decided: "no alarm of its own: the log names the cause, the circuit opens",
      },
    ],
  ),
  "F-05 a good certificate": {
    backend: wellCertified,
    expected: whole("well"),
    verdict: blameless,
  },
  "F-06 FIN without a byte": {
    backend: raw({ end: true }),
    expected: invalid,
    verdict: ambiguous,
    fronts: everywhere,
  },
  "F-06 FIN in the head of an answer": {
    backend: raw("HTTP/1.1 200 OK\r\ncontent-ty", { end: true }),
    expected: invalid,
    verdict: ambiguous,
  },
  "F-06 a reset after 103": {
    backend: raw("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n", A_MOMENT, { reset: true }),
    expected: unreachable,
    verdict: ambiguous,
  },
  "F-06 FIN after 100": {
    backend: raw("HTTP/1.1 100 Continue\r\n\r\n", A_MOMENT, { end: true }),
    expected: invalid,
    verdict: ambiguous,
  },
  "F-08 accepts and never answers": {
    backend: raw({ hang: true }),
    expected: late,
    verdict: ambiguous,
    fronts: everywhere,
    timeouts: hasty,
    decided: "class B: what has the request may be at work on it",
  },
  "F-09 a status line that drips": {
    backend: { raw: true, steps: dripping("HTTP/1.1 200 OK\r\n", 100) },
    expected: late,
    verdict: ambiguous,
    timeouts: hasty,
    decided: "class B, as F-08",
  },
  "F-10 another protocol": { backend: raw("SSH-2.0-x\r\n", { hang: true }), ...notHttp },
  "F-10 a TLS alert": {
    backend: raw(Buffer.from([21, 3, 1, 0, 2, 2, 70]), { hang: true }),
    ...notHttp,
  },
  "F-11 a header of 64 KiB": {
    backend: raw(`${OK}x: ${"x".repeat(65_536)}\r\n\r\n`, { hang: true }),
    ...notHttp,
  },
  "F-11 10,000 headers": {
    backend: raw(`${OK}${"x: y\r\n".repeat(10_000)}\r\n`, { hang: true }),
    ...notHttp,
  },
  "F-11 NUL in a header": { backend: raw(`${OK}x: a\0b\r\n\r\n`, { hang: true }), ...notHttp },
  "F-12 2,000 times 103": {
    backend: raw(`HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n`.repeat(2_000), { hang: true }),
    ...notHttp,
  },
  ...rows(
    [
      [
        "two kinds of length",
        "content-length: 5\r\ntransfer-encoding: chunked",
        "5\r\nhello\r\n0\r\n\r\n",
      ],
      ["two lengths", "content-length: 5\r\ncontent-length: 6", "hello!"],
      ["a negative chunk size", "transfer-encoding: chunked", "-5\r\nhello\r\n"],
      ["a chunk of 2^64 bytes", "transfer-encoding: chunked", "10000000000000000\r\nhello\r\n"],
    ] as const,
    ([kind, headers, body]) => [
      `F-13 ${kind}`,
      {
        backend: raw(`${OK}${headers}\r\n\r\n${body}`, { hang: true }),
        expected: invalid,
        verdict: ambiguous,
        decided: "class B: a status of success came before it",
      },
    ],
  ),
};
