// JSON Web Signatures by npm's jose over payloads that are made here: the body, the RFC 8785 form
// of a checkout (npm's canonicalize), the Talos envelope.

import canonicalize from 'canonicalize'
import { errors, flattenedVerify } from 'jose'
import { parseDictionary, serializeDictionary } from 'structured-headers'
import { readKey } from './keys.js'
import { Refused } from './verdicts.js'

const META = /^iat=([0-9]+), ?jti="([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})"$/
const SIGNED_AS_SENT = ['content-type', 'idempotency-key', 'talos-signature-meta']

// A detached JWS over the body, as the January 2026 versions have it (RFC 7797).
export async function verifyBody (task, jwk) {
  const body = Buffer.from(task.request.body_base64, 'base64')
  await verifyDetached(sole(task.request, 'request-signature'), body, jwk, true)
}

// ap2.merchant_authorization over the canonical checkout without ap2.
export async function verifyAuthorization (task, jwk) {
  const checkout = parse(Buffer.from(task.response.body_base64, 'base64'))
  if (checkout === null || typeof checkout !== 'object' || Array.isArray(checkout)) {
    throw new Refused('the checkout is no object')
  }
  const { ap2, ...rest } = checkout
  const value = ap2?.merchant_authorization
  if (typeof value !== 'string') throw new Refused('there is no authorization')
  await verifyDetached(value, canonical(rest), jwk, false)
}

// A detached JWS over the canonical form of what the request says.
export async function verifyEnvelope (task, jwk) {
  const value = sole(task.request, 'request-signature')
  const header = await verifyDetached(value, canonical(envelope(task)), jwk, false)
  if (header.typ !== 'JOSE') throw new Refused('typ is not JOSE')
}

async function verifyDetached (value, octets, jwk, mayBeUnencoded) {
  const { algorithm, key } = readKey(jwk)
  if (algorithm.jose === null) throw new Refused('the key is not on P-256 or P-384')
  const [header, between, signature, ...more] = value.split('.')
  if (between !== '' || signature === undefined || more.length > 0) {
    throw new Refused('not of the form header..signature')
  }
  const unencoded = isUnencoded(header)
  if (unencoded && !mayBeUnencoded) throw new Refused('the payload is base64url text here')
  const payload = unencoded ? octets : Buffer.from(octets).toString('base64url')
  try {
    const found = await flattenedVerify(
      { protected: header, payload, signature }, key, { algorithms: [algorithm.jose] }
    )
    return found.protectedHeader
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof TypeError) {
      throw new Refused(`${error.code ?? error.name}: ${error.message}`)
    }
    throw error
  }
}

// Only how to hand over the payload; jose reads the header again, and judges it.
function isUnencoded (header) {
  try {
    return JSON.parse(Buffer.from(header, 'base64url').toString()).b64 === false
  } catch {
    return false
  }
}

function envelope (task) {
  const { request, endpoint } = task
  const [path, ...query] = request.target.split('?')
  if (!path.startsWith(`${endpoint}/`)) throw new Refused('not below the endpoint')
  const headers = { 'ucp-agent': written(sole(request, 'ucp-agent')) }
  for (const name of SIGNED_AS_SENT) {
    if (values(request, name).length > 0) headers[name] = sole(request, name)
  }
  const meta = META.exec(headers['talos-signature-meta'] ?? '')
  if (meta === null) throw new Refused('Talos-Signature-Meta is malformed')
  const octets = Buffer.from(request.body_base64, 'base64')
  const body = octets.length > 0 ? parse(octets) : null
  const empty = body !== null && canonical(body).toString() === '{}'
  return {
    method: request.method.toUpperCase(),
    path: path.slice(endpoint.length),
    query: sorted(query.join('?')),
    headers,
    body: path.endsWith('/cancel') && empty ? null : body,
    meta: { iat: Number(meta[1]), jti: meta[2] },
  }
}

function sorted (query) {
  const byPair = ([a, b], [c, d]) => (a === c ? (b < d ? -1 : 1) : a < c ? -1 : 1)
  return new URLSearchParams([...new URLSearchParams(query)].sort(byPair)).toString()
}

function written (agent) {
  try {
    return serializeDictionary(parseDictionary(agent))
  } catch (error) {
    throw new Refused(`UCP-Agent is no dictionary: ${error.message}`)
  }
}

function values (request, name) {
  return request.headers.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value)
}

function sole (request, name) {
  const found = values(request, name)
  if (found.length !== 1) throw new Refused(`${found.length} lines of ${name}`)
  return found[0]
}

function parse (octets) {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(octets))
  } catch (error) {
    throw new Refused(`not JSON: ${error.message}`)
  }
}

function canonical (value) {
  try {
    return Buffer.from(canonicalize(value))
  } catch (error) {
    throw new Refused(`not canonical: ${error.message}`)
  }
}
