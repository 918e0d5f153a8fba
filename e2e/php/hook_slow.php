<?php
// A hook that takes its time.
usleep(50_000);
echo json_encode(['user' => '42', 'channels' => ['public.a']]);
