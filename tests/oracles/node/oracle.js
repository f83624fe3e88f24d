// The Node oracle: one JSON task per line on standard input, one verdict per line back.

import { createInterface } from 'node:readline'
import { verifyAuthorization, verifyBody, verifyEnvelope } from './jose.js'
import { verifyMessage } from './messages.js'
import { firstGood } from './verdicts.js'

const CHECKS = {
  rfc9421: verifyMessage,
  'detached-jws': verifyBody,
  talos: verifyEnvelope,
  ap2: verifyAuthorization,
}

for await (const line of createInterface({ input: process.stdin })) {
  const task = JSON.parse(line)
  const verdict = await firstGood(task.keys, (jwk) => CHECKS[task.scheme](task, jwk))
  process.stdout.write(JSON.stringify(verdict) + '\n')
}
