-- The key that binds transport sessions to platforms: whoever comes first puts one there.
redis.call('SET', KEYS[1], ARGV[1], 'NX')
return redis.call('GET', KEYS[1])
