<?php

declare(strict_types=1);

namespace FASTAPI\WebSocket\Symfony\DependencyInjection;

use Symfony\Component\Config\Definition\Builder\TreeBuilder;
use Symfony\Component\Config\Definition\ConfigurationInterface;

/**
 * The settings of the bundle. docs/symfony.md explains them.
 */
final class Configuration implements ConfigurationInterface
{
    public function getConfigTreeBuilder(): TreeBuilder
    {
        $tree = new TreeBuilder('fastapi_websocket');
        $tree->getRootNode()
            ->children()
                ->scalarNode('queue')->defaultNull()
                    ->info('The directory that the broadcaster reads. Null: that of php.ini (fastapi_websocket.path)')
                ->end()
                ->integerNode('ttl')->min(1)->defaultNull()
                    ->info('Seconds after which an event that still waits is not sent any more. Null: no end')
                ->end()
                ->enumNode('priority')->values(['high', 'normal', 'low'])->defaultValue('normal')
                    ->info('Which events are read first while many wait')
                ->end()
                ->booleanNode('after_commit')->defaultTrue()
                    ->info('Events of an open database transaction wait for its commit')
                ->end()
                ->booleanNode('in_memory')->defaultFalse()
                    ->info('Keeps events for tests and queues none')
                ->end()
                ->scalarNode('url')->defaultValue('/ws')
                    ->info('What fastapi_url() says: where pages connect to')
                ->end()
                ->arrayNode('token')->addDefaultsIfNotSet()
                    ->children()
                        ->scalarNode('secret')->defaultNull()
                            ->info('The secret of the broadcaster (token_secret)')
                        ->end()
                        ->scalarNode('secret_file')->defaultNull()
                            ->info('Or the file that has it (token_secret_file)')
                        ->end()
                        ->integerNode('ttl')->min(1)->defaultValue(600)
                            ->info('Seconds until a token ends')
                        ->end()
                    ->end()
                ->end()
                ->integerNode('login_ttl')->min(1)->defaultValue(3600)
                    ->info('Seconds until the broadcaster asks /ws-auth again (expires_in)')
                ->end()
            ->end();

        return $tree;
    }
}
