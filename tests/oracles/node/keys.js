// Public JWKs, read by node:crypto.

import { createPublicKey } from 'node:crypto'
import { Refused } from './verdicts.js'

export const ALGORITHMS = {
  'P-256': { rfc9421: 'ecdsa-p256-sha256', jose: 'ES256', hash: 'sha256', size: 64 },
  'P-384': { rfc9421: 'ecdsa-p384-sha384', jose: 'ES384', hash: 'sha384', size: 96 },
  Ed25519: { rfc9421: 'ed25519', jose: null, hash: null, size: 64 },
}

export function readKey (jwk) {
  const algorithm = ALGORITHMS[jwk.crv]
  if (algorithm === undefined) throw new Refused('a key of a kind that is not known')
  try {
    const { kty, crv, x, y } = jwk
    return { algorithm, key: createPublicKey({ key: { kty, crv, x, y }, format: 'jwk' }) }
  } catch (error) {
    throw new Refused(`no key: ${error.message}`)
  }
}
