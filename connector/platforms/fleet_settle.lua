-- A fetch has ended: its lease goes, at once or after a moment, and a refresh leaves its mark.
--
-- KEYS  1 the lease   2 the mark of a refresh
-- ARGV  1 the lease's token   2 how long it stands on (ms; 0: not at all)   3 the mark (ms; 0: none)
-- Reply  1 where the lease was the caller's
if ARGV[3] ~= '0' then
  redis.call('SET', KEYS[2], '1', 'PX', ARGV[3])
end
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
if ARGV[2] == '0' then
  redis.call('DEL', KEYS[1])
else
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 1
