// What http-message-sig lacks (sf, bs, @query-param, RFC 9651's dates and display strings), asked of
// npm's http-message-signatures. It takes no label, so it is asked about a sole signature only.

import { httpbis } from 'http-message-signatures'
import { CannotExpress, Refused } from './verdicts.js'

const BEYOND_TIME = Number.MAX_SAFE_INTEGER

export async function verifyBySecond (task, message, verifier) {
  const { request } = message
  const key = { algs: [verifier.algorithm], verify: async (...given) => verifier.verify(...given) }
  const policy = { keyLookup: async () => key, all: true, tolerance: BEYOND_TIME }
  const asked = request === undefined ? requestFor(message) : responseFor(message)
  if (count(asked.headers.signature) > 1) {
    throw new CannotExpress('http-message-signatures takes no label')
  }
  let verified
  try {
    verified = await httpbis.verifyMessage(policy, asked, request && requestFor(request))
  } catch (error) {
    throw new Refused(`${error.name}: ${error.message}`)
  }
  if (verified !== true) throw new Refused('the signature does not verify')
}

function requestFor ({ method, targetUri, fields }) {
  return { method, url: new URL(targetUri), headers: headersOf(fields) }
}

function responseFor ({ status, fields }) {
  return { status, headers: headersOf(fields) }
}

function headersOf (fields) {
  const headers = {}
  for (const { name, value } of fields) (headers[name.toLowerCase()] ??= []).push(value)
  return headers
}

function count (lines) {
  return (lines ?? []).join(', ').split(':,').length
}
