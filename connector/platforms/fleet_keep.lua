-- Keep a profile that a signature verified with, and as many others as there is room for.
--
-- A document begins with its stamp: when it was asked for, 16 digits of microseconds. An older one
-- never takes the place of a newer one, unless that one claims to come from the future.
--
-- There are two sets of books, so that strangers' documents drive out no registered platform's.
-- What is in the second one stays there: its platform is registered with another merchant.
--
-- KEYS  1 all profiles (hash)
--       2 the fields of platforms that nobody registered, by stamp (sorted set)
--       3 how many octets they are   4, 5 the same of registered platforms
-- ARGV  1 the profile's field   2 the document   3 most profiles in each   4 most octets in each
--       5 how long any of them can be of use (ms)   6 1, or 2 where the platform is registered
-- Reply  1 where it was kept
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local stamp = tonumber(string.sub(ARGV[2], 1, 16))
local old = redis.call('HGET', KEYS[1], ARGV[1])
if old then
  local was = tonumber(string.sub(old, 1, 16))
  if was and was >= stamp and was <= now + 60000000 then
    return { 0 }
  end
end

local books = {}
local home = tonumber(ARGV[6])
for number = 1, 2 do
  local ages, sum = KEYS[2 * number], KEYS[2 * number + 1]
  local octets = tonumber(redis.call('GET', sum) or '0')
  if redis.call('ZREM', ages, ARGV[1]) == 1 and old then
    octets = octets - #old
    home = math.max(home, number)
  end
  books[number] = { ages = ages, sum = sum, octets = octets }
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', books[home].ages, stamp, ARGV[1])
books[home].octets = books[home].octets + #ARGV[2]

local function drop(book, field)
  book.octets = book.octets - redis.call('HSTRLEN', KEYS[1], field)
  redis.call('HDEL', KEYS[1], field)
  redis.call('ZREM', book.ages, field)
end

local useless = now - ARGV[5] * 1000
for _, book in ipairs(books) do
  for _, field in ipairs(redis.call('ZRANGEBYSCORE', book.ages, '-inf', useless, 'LIMIT', 0, 100)) do
    drop(book, field)
  end
  while
    book.octets > tonumber(ARGV[4]) or redis.call('ZCARD', book.ages) > tonumber(ARGV[3])
  do
    local oldest = redis.call('ZRANGE', book.ages, 0, 0)[1]
    if not oldest then
      break
    end
    drop(book, oldest)
  end
  redis.call('SET', book.sum, string.format('%.0f', book.octets))
end

-- All of them go together, so that a fleet which is no more leaves nothing behind.
for number = 1, 5 do
  redis.call('PEXPIRE', KEYS[number], ARGV[5])
end
return { redis.call('HEXISTS', KEYS[1], ARGV[1]) }
