-- What the replicas keep of one profile, and whose turn it is to fetch it.
--
-- KEYS  1 all profiles (hash)   2 the lease on fetching this one   3 the mark of its refresh
-- ARGV  1 the profile's field   2 the stamp of the document that the caller has seen; may be empty
--       3 a token to take the lease with; empty: only look, write nothing   4 lease (ms)
--       5 refresh|fetch   6 most octets of a document: a longer one is not ours, and not read
-- Reply  word, document, how long the lease or the mark stands (ms)
local document = ''
if redis.call('HSTRLEN', KEYS[1], ARGV[1]) <= tonumber(ARGV[6]) then
  document = redis.call('HGET', KEYS[1], ARGV[1]) or ''
end
if document ~= '' and string.sub(document, 1, 16) ~= ARGV[2] then
  return { 'held', document, 0 }
end
if ARGV[3] == '' then
  return { 'nothing', '', 0 }
end
local holder = redis.call('GET', KEYS[2])
if holder and holder ~= ARGV[3] then
  return { 'wait', '', redis.call('PTTL', KEYS[2]) }
end
if ARGV[5] == 'refresh' and redis.call('EXISTS', KEYS[3]) == 1 then
  return { 'spent', '', redis.call('PTTL', KEYS[3]) }
end
redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4])
return { 'fetch', '', 0 }
