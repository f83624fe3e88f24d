// What an oracle answers about one task.

export class Refused extends Error {}
export class CannotExpress extends Error {}

// One key that verifies is enough.
export async function firstGood (keys, check) {
  let verdict = { verdict: 'refused', reason: 'no key' }
  for (const jwk of keys) {
    try {
      await check(jwk)
      return { verdict: 'verified', reason: '' }
    } catch (error) {
      if (error instanceof CannotExpress) return { verdict: 'cannot', reason: error.message }
      if (!(error instanceof Refused)) throw error
      verdict = { verdict: 'refused', reason: error.message }
    }
  }
  return verdict
}
