-- One request's admission, in one step and by the store's clock. Transcribed from the tables in
-- claims.py and limits.py, against which the tests run it.
--
-- KEYS  read:   reads' rate [, once]
--       write:  reads' rate, writes' rate, claim, answer [, once]
-- ARGV  1 read|write   2 enforce the rates: 1|0   3, 4 reads' interval and tolerance (µs; 0: none)
--       5 what "once" is: empty, nonce, signature or ride   6 how long a nonce is kept (ms)   7 token
--       write: 8, 9 writes' interval and tolerance   10 payload   11 lease (µs)
--              12 a write of unknown outcome may be sent again: 1|0   13 about (JSON)
-- Reply  word, rate that counts (1 reads, 2 writes), how far that is ahead (µs),
--        how long to wait (µs; 0 within the rate), the recorded answer, the claim's token
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]

local is_write = ARGV[1] == 'write'
local kind, own = ARGV[5], ARGV[7]
local payload = ARGV[10]
local word, rate, answer = 'admitted', 1, ''
local state, token, again, counted = false, false, false, false

if is_write then
  local claim = redis.call('HMGET', KEYS[3], 'state', 'payload', 'token', 'lease')
  state, token = claim[1], claim[3]
  if not state or state == 'released' then
    word = 'claimed'
  elseif claim[2] ~= payload then
    word = 'conflict'
  elseif state == 'completed' then
    answer = redis.call('GET', KEYS[4]) or ''
    word = answer == '' and 'gone' or 'replay'
  elseif state == 'claimed' and token == own then
    word, counted = 'claimed', true -- the same call once more: its first reply was lost
  elseif state == 'claimed' and tonumber(claim[4]) > now then
    word = 'in_progress'
  elseif ARGV[12] == '1' then
    word, again = 'claimed', true
  else
    word = 'unknown'
  end
end

if kind ~= '' then
  local mark = redis.call('GET', KEYS[#KEYS])
  local mine = is_write and KEYS[3] .. payload
  if kind == 'signature' then
    if mark and mark ~= mine and mark ~= 'ride:' .. mine then
      word = 'seen'
    elseif mark and not state then
      word = 'gone'
    end
  elseif kind == 'ride' then
    -- A JWS came along with what vouched for all of the request: from now on it is this claim's.
    if mark and mark ~= mine and string.sub(mark, 1, 5) ~= 'ride:' then
      word = 'seen'
    elseif not mark and word ~= 'conflict' then
      redis.call('SET', KEYS[#KEYS], 'ride:' .. mine, 'PX', ARGV[6])
    end
  elseif mark and mark ~= own and (word == 'claimed' or word == 'admitted')
      and not (again and mark == token) then
    word = 'seen'
  end
end
if word == 'seen' then
  return { word, rate, 0, 0, '', '' }
end

-- Whatever is not sent to the merchant counts as a read.
local interval, tolerance = tonumber(ARGV[3]), tonumber(ARGV[4])
if word == 'claimed' then
  rate, interval, tolerance = 2, tonumber(ARGV[8]), tonumber(ARGV[9])
end
local ahead, wait = 0, 0
if interval > 0 and not counted then
  -- Kept is how far the arrival time was ahead, and when: a sum of times would lose fractions.
  local at, was = string.match(redis.call('GET', KEYS[rate]) or '', '^(%d+) (.+)$')
  if at then
    -- A clock that went back, after a failover, makes nobody wait for it.
    ahead = math.max(was - math.max(now - at, 0), 0)
  end
  if ahead - tolerance > 1 then
    wait = math.ceil(ahead - tolerance)
    if ARGV[2] == '1' then
      return { 'limited', rate, math.ceil(ahead), wait, '', '' }
    end
  else
    ahead = ahead + interval
    redis.call('SET', KEYS[rate], string.format('%.0f %.17g', now, ahead),
      'PX', math.ceil(ahead / 1000) + 1000)
  end
end

if word == 'claimed' then
  if state == 'released' then
    redis.call('DEL', KEYS[3])
    state = false
  end
  local stamp = string.format('%.0f', now)
  redis.call('HSET', KEYS[3], 'state', 'claimed', 'payload', payload, 'token', own,
    'lease', string.format('%.0f', now + ARGV[11]), 'renewed', stamp, 'about', ARGV[13],
    not state and 'claimed' or 'renewed', stamp)
  if again then
    redis.call('HSET', KEYS[3], 'again', '1')
  end
  if kind == 'nonce' or kind == 'signature' then
    redis.call('HSET', KEYS[3], 'once', KEYS[#KEYS])
  end
  token = own
end
if kind == 'nonce' and (word == 'claimed' or word == 'admitted') then
  redis.call('SET', KEYS[#KEYS], own, 'PX', ARGV[6])
elseif kind == 'signature' and word == 'claimed' then
  redis.call('SET', KEYS[#KEYS], KEYS[3] .. payload)
end
return { word, rate, math.ceil(ahead), wait, answer, token or '' }
