// RFC 9421 as npm's http-message-sig has it. It leaves ECDSA to its caller (node:crypto here), and
// Content-Digest, too (structured-headers and node:crypto). What it says that it lacks is asked of
// a second package.

import { createHash, timingSafeEqual, verify } from 'node:crypto'
import { isSignatureError, verifySignature } from 'http-message-sig'
import { isInnerList, parseDictionary, serializeDictionary } from 'structured-headers'
import { readKey } from './keys.js'
import { verifyBySecond } from './second.js'
import { CannotExpress, Refused } from './verdicts.js'

// RFC 9110 section 7.2, without percent-encoded names: what can stand in a URL as it is.
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]*)?$/
const HASHES = { 'sha-256': 'sha256', 'sha-512': 'sha512' }

export async function verifyMessage (task, jwk) {
  const message = messageOf(task)
  const { algorithm, key } = readKey(jwk)
  const verifier = {
    algorithm: algorithm.rfc9421,
    verify: (base, signature) => verify(
      algorithm.hash, base, { key, dsaEncoding: 'ieee-p1363' }, signature
    ),
  }
  // Times and coverage are policy. It can't be told to let expired ones pass but by its clock.
  const policy = {
    algorithms: [algorithm.rfc9421], requiredComponents: [], requiredParameters: [],
    now: 0, clockSkew: Number.MAX_SAFE_INTEGER,
  }
  const ask = { label: task.label, policy, resolveVerifier: () => verifier }
  try {
    await verifySignature(message, ask)
  } catch (error) {
    if (!isSignatureError(error)) throw new Refused(`${error.name}: ${error.message}`)
    const alone = error.code === 'LabelMismatch' ? isolated(message, task.label) : null
    if (error.code === 'UnsupportedFeature') await verifyBySecond(task, message, verifier)
    else if (alone === null) throw new Refused(`${error.code}: ${error.message}`)
    else await verifyAlone(alone, ask)
  }
  checkDigest(task.response ?? task.request)
}

async function verifyAlone (message, ask) {
  try {
    await verifySignature(message, ask)
  } catch (error) {
    throw new Refused(`${error.name}: ${error.message}`)
  }
}

// It wants the same labels in both fields. RFC 9421 section 3.2 asks that of the label alone that is
// verified, so where that one stands in both it is handed over without the others.
function isolated (message, label) {
  const kept = new Map()
  for (const name of ['signature-input', 'signature']) {
    const lines = message.fields.filter((field) => field.name.toLowerCase() === name)
    const member = parseDictionary(lines.map(({ value }) => value).join(', ')).get(label)
    if (member === undefined) return null
    kept.set(name, serializeDictionary(new Map([[label, member]])))
  }
  const others = message.fields.filter(({ name }) => !kept.has(name.toLowerCase()))
  const fields = [...others, ...[...kept].map(([name, value]) => ({ name, value }))]
  return { ...message, fields }
}

function messageOf (task) {
  const request = requestOf(task.request, task.response !== undefined)
  if (task.response === undefined) return request
  return {
    kind: 'response', status: task.response.status, fields: fieldsOf(task.response), request,
  }
}

function requestOf (request, bare) {
  const hosts = request.headers.filter(([name]) => name.toLowerCase() === 'host')
  const oneHost = hosts.length === 1 && HOST.test(hosts[0][1])
  if (!bare && !(oneHost && request.target.startsWith('/'))) {
    throw new CannotExpress('its requests have an absolute URL, made of one host and a path')
  }
  const targetUri = `${request.scheme}://${hosts[0]?.[1]}${request.target}`
  return {
    kind: 'request', method: request.method, targetUri, requestTarget: request.target,
    fields: fieldsOf(request),
  }
}

function fieldsOf (message) {
  return message.headers.map(([name, value]) => ({ name, value }))
}

function checkDigest (message) {
  const lines = message.headers.filter(([name]) => name.toLowerCase() === 'content-digest')
  if (lines.length === 0) return
  const body = Buffer.from(message.body_base64, 'base64')
  let members
  try {
    members = parseDictionary(lines.map(([, value]) => value).join(', '))
  } catch (error) {
    throw new Refused(`Content-Digest is no dictionary: ${error.message}`)
  }
  const known = [...members].filter(([name]) => Object.hasOwn(HASHES, name))
  if (known.length === 0) throw new Refused('no digest that is known')
  for (const [name, member] of known) {
    if (isInnerList(member) || !(member[0] instanceof ArrayBuffer)) {
      throw new Refused('a digest is no byte sequence')
    }
    const given = Buffer.from(member[0])
    const made = createHash(HASHES[name]).update(body).digest()
    if (given.length !== made.length || !timingSafeEqual(given, made)) {
      throw new Refused(`another ${name} than that of the body`)
    }
  }
}
