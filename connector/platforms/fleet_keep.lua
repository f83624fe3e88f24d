-- Keep a profile that a signature verified with, and as many others as there is room for.
--
-- A document begins with its stamp: when it was asked for, 16 digits of microseconds. An older one
-- never takes the place of a newer one, unless that one claims to come from the future.
--
-- KEYS  1 all profiles (hash)   2 their fields by stamp (sorted set)   3 how many octets they are
-- ARGV  1 the profile's field   2 the document   3 most profiles   4 most octets
--       5 how long any of them can be of use (ms)
-- Reply  1 kept or 0 not, profiles, octets
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local stamp = tonumber(string.sub(ARGV[2], 1, 16))
local old = redis.call('HGET', KEYS[1], ARGV[1])
local octets = tonumber(redis.call('GET', KEYS[3]) or '0')

local function drop(field)
  octets = octets - redis.call('HSTRLEN', KEYS[1], field)
  redis.call('HDEL', KEYS[1], field)
  redis.call('ZREM', KEYS[2], field)
end

if old then
  local was = tonumber(string.sub(old, 1, 16))
  if was and was >= stamp and was <= now + 60000000 then
    return { 0, redis.call('HLEN', KEYS[1]), octets }
  end
  drop(ARGV[1])
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], stamp, ARGV[1])
octets = octets + #ARGV[2]

local useless = now - ARGV[5] * 1000
for _, field in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', useless, 'LIMIT', 0, 100)) do
  drop(field)
end
while octets > tonumber(ARGV[4]) or redis.call('ZCARD', KEYS[2]) > tonumber(ARGV[3]) do
  local oldest = redis.call('ZRANGE', KEYS[2], 0, 0)[1]
  if not oldest then
    break
  end
  drop(oldest)
end

-- All three go together, so that a fleet which is no more leaves nothing behind.
redis.call('SET', KEYS[3], string.format('%.0f', octets))
for number = 1, 3 do
  redis.call('PEXPIRE', KEYS[number], ARGV[5])
end
return { redis.call('HEXISTS', KEYS[1], ARGV[1]), redis.call('HLEN', KEYS[1]), octets }
