// Verify and forward with Node, http-message-signatures and node:http: contender (c).
//
// The same checks as the other contenders: required coverage, `created`, the signature, the
// Content-Digest over the body, the key from a table. Arguments: PORT UPSTREAM_PORT PUBLIC_KEY_PEM

import { createHash, createPublicKey, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import { createVerifier, httpbis } from 'http-message-signatures'
import { parseDictionary } from 'structured-headers'

const AUTHORITY = 'shop.example.com'
const COLLECTION = '/ucp/v1/checkout-sessions'
const GET_FIELDS = ['@method', '@authority', '@path', 'ucp-agent']
const POST_FIELDS = [...GET_FIELDS, 'idempotency-key', 'content-digest', 'content-type']
const HOP_BY_HOP = ['connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade']

const [port, upstreamPort, keyFile] = process.argv.slice(2)
// The key is loaded once; giving the library PEM would parse it for every request.
const publicKey = createPublicKey(readFileSync(keyFile))
const keys = new Map([[
  'bench-1',
  { algs: ['ecdsa-p256-sha256'], verify: createVerifier(publicKey, 'ecdsa-p256-sha256') },
]])
const keyLookup = async ({ keyid }) => keys.get(keyid) ?? null
const policy = { requiredParams: ['created', 'keyid'], maxAge: 86400, keyLookup }
const getPolicy = { ...policy, requiredFields: GET_FIELDS }
const postPolicy = { ...policy, requiredFields: POST_FIELDS }
const agent = new http.Agent({ keepAlive: true, maxSockets: 100, maxFreeSockets: 100 })

function digestFits (field, body) {
  const member = field && parseDictionary(field).get('sha-256')
  if (!member || !(member[0] instanceof ArrayBuffer) || member[0].byteLength !== 32) return false
  return timingSafeEqual(Buffer.from(member[0]), createHash('sha256').update(body).digest())
}

function refuse (response, status, code) {
  const body = JSON.stringify({ code })
  response.writeHead(status, {
    'content-type': 'application/json', 'content-length': Buffer.byteLength(body),
  })
  response.end(body)
}

async function verified (request, body) {
  try {
    if (body.length && !digestFits(request.headers['content-digest'], body)) return false
    const url = new URL(`https://${request.headers.host}${request.url}`)
    const message = { method: request.method, url, headers: request.headers }
    return await httpbis.verifyMessage(body.length ? postPolicy : getPolicy, message) === true
  } catch {
    return false
  }
}

function forward (request, body, response) {
  const headers = { ...request.headers, 'ucp-verified': 'true' }
  for (const name of HOP_BY_HOP) delete headers[name]
  const outgoing = http.request({
    agent, host: '127.0.0.1', port: upstreamPort, method: request.method, path: request.url, headers,
  }, (answer) => {
    const kept = { ...answer.headers }
    for (const name of HOP_BY_HOP) delete kept[name]
    response.writeHead(answer.statusCode, kept)
    answer.pipe(response)
  })
  outgoing.on('error', () => {
    if (response.headersSent) response.destroy()
    else refuse(response, 502, 'upstream_unreachable')
  })
  outgoing.end(body)
}

const server = http.createServer((request, response) => {
  const known = request.method === 'POST'
    ? request.url === COLLECTION
    : request.method === 'GET' && request.url.startsWith(COLLECTION + '/')
  if (request.headers.host !== AUTHORITY) return refuse(response, 421, 'unknown_authority')
  if (!known) return refuse(response, 404, 'unknown_operation')
  const chunks = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', async () => {
    const body = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)
    if (await verified(request, body)) forward(request, body, response)
    else refuse(response, 401, 'signature_invalid')
  })
})
server.listen(Number(port), '127.0.0.1')
process.on('SIGTERM', () => process.exit(0))
