-- What becomes of a claim, in one step and by the store's clock. Transcribed from the table in
-- claims.py, against which the tests run it.
--
-- KEYS  claim, answer [, once]
-- ARGV  1 event; the owner's: 2 token   3 payload   4 what "once" is: empty, nonce, signature or ride
--         completed: 5 answer, empty for none   6, 7 how long the answer and the claim are kept (ms)
--                    8 digest of an answer that is not kept
--         renewed:   5 lease (µs)
--         released, unknown
--       an operator's: 2 note (JSON)
--                     3 the token of the attempt that it is said of
--         executed:      4 how long the claim is kept (ms)
--         not_executed:  4 quiet time since the last renewal (µs)   5 how long the note is kept (ms)
-- Reply  word, number: done | stale | absent | live | early, µs to wait | settled | changed
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local stamp = string.format('%.0f', now)

local event = ARGV[1]
local claim = redis.call('HMGET', KEYS[1], 'state', 'token', 'lease', 'renewed', 'again')
local state = claim[1]

if event == 'executed' or event == 'not_executed' then
  if not state then
    return { 'absent', 0 }
  elseif state == 'completed' or state == 'released' then
    return { 'settled', 0 }
  elseif state == 'claimed' and tonumber(claim[3]) > now then
    return { 'live', 0 }
  elseif (claim[2] or '') ~= ARGV[3] then
    return { 'changed', 0 }
  end
  if event == 'executed' then
    redis.call('HSET', KEYS[1], 'state', 'completed', 'token', '', 'answered', stamp,
      'note', ARGV[2])
    redis.call('PEXPIRE', KEYS[1], ARGV[4])
    if KEYS[3] then
      redis.call('PEXPIRE', KEYS[3], ARGV[4])
    end
    return { 'done', 0 }
  end
  local quiet = claim[4] + ARGV[4] - now
  if quiet > 0 then
    return { 'early', math.ceil(quiet) }
  end
  redis.call('HSET', KEYS[1], 'state', 'released', 'token', '', 'note', ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[5])
  if KEYS[3] then
    redis.call('DEL', KEYS[3])
  end
  return { 'done', 0 }
end

local token, payload, kind = ARGV[2], ARGV[3], ARGV[4]
if state and claim[2] ~= token then
  return { 'stale', 0 }
end

if event == 'completed' then
  if state == 'completed' then
    return { 'done', 0 }
  end
  redis.call('HSET', KEYS[1], 'state', 'completed', 'payload', payload, 'token', token,
    'answered', stamp)
  redis.call('PEXPIRE', KEYS[1], ARGV[7])
  if ARGV[5] ~= '' then
    redis.call('SET', KEYS[2], ARGV[5], 'PX', ARGV[6])
  elseif ARGV[8] ~= '' then
    redis.call('HSET', KEYS[1], 'digest', ARGV[8])
  end
  if kind == 'signature' then
    redis.call('SET', KEYS[3], KEYS[1] .. payload, 'PX', ARGV[7])
  end
  return { 'done', 0 }
end
if state == 'completed' or state == 'unknown' then
  return { 'settled', 0 }
end
if event == 'released' then
  if not state then
    return { 'absent', 0 }
  end
  if claim[5] then
    redis.call('HSET', KEYS[1], 'state', 'unknown') -- an earlier attempt may have been carried out
    return { 'done', 0 }
  end
  redis.call('DEL', KEYS[1])
  if kind == 'signature' or (kind == 'nonce' and redis.call('GET', KEYS[3]) == token)
      or (kind == 'ride' and redis.call('GET', KEYS[3]) == 'ride:' .. KEYS[1] .. payload) then
    redis.call('DEL', KEYS[3])
  end
  return { 'done', 0 }
end
-- Unknown or renewed: where the store has lost the claim, it is there again.
redis.call('HSET', KEYS[1], 'payload', payload, 'token', token)
if event == 'unknown' then
  redis.call('HSET', KEYS[1], 'state', 'unknown')
  redis.call('HSETNX', KEYS[1], 'renewed', stamp)
else
  redis.call('HSET', KEYS[1], 'state', 'claimed', 'lease', string.format('%.0f', now + ARGV[5]),
    'renewed', stamp)
end
if kind == 'signature' then
  redis.call('SET', KEYS[3], KEYS[1] .. payload)
end
return { 'done', 0 }
