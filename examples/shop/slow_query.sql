SELECT wait_ms(1200) AS waited
-- The fault `slow_query`: waits as for a lock, without using the processor.
