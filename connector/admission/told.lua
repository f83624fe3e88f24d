-- What operators said of claims beside the gateways, until one of those has written it into its
-- audit log: lines, the oldest first. Whoever takes some has them alone for a while, so that two
-- gateways do not both write them down.
--
-- KEYS  told, held
-- ARGV  1 event
--         push: 2 line, with its line end   3 how many lines there may be
--         take: 2 who   3 for how long (ms)   4 how many lines at most
--         done: 2 who   3 a line that is written down
-- Reply push: pushed | full   take: the lines, as one text   done: done
local event, who = ARGV[1], ARGV[2]
local told = redis.call('GET', KEYS[1]) or ''

if event == 'push' then
  if string.find(told, ARGV[2], 1, true) then
    return 'pushed' -- it was run twice
  end
  local _, count = string.gsub(told, '\n', '\n')
  if count >= tonumber(ARGV[3]) then
    return 'full'
  end
  redis.call('SET', KEYS[1], told .. ARGV[2])
  return 'pushed'
end

local holder = redis.call('GET', KEYS[2])
if event == 'take' then
  if told == '' or (holder and holder ~= who) then
    return ''
  end
  redis.call('SET', KEYS[2], who, 'PX', ARGV[3])
  local last = 0
  for _ = 1, tonumber(ARGV[4]) do
    last = string.find(told, '\n', last + 1, true) or #told
  end
  return string.sub(told, 1, last)
end

local from, to = string.find(told, ARGV[3], 1, true)
if from then
  told = string.sub(told, 1, from - 1) .. string.sub(told, to + 1)
end
if told ~= '' then
  redis.call('SET', KEYS[1], told) -- the others are still this one's
  return 'done'
end
redis.call('DEL', KEYS[1])
if holder == who then
  redis.call('DEL', KEYS[2])
end
return 'done'
